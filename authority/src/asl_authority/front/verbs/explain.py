"""explain: what a rule says, and what to do where it is broken."""

from __future__ import annotations

from asl_authority.front.verb import Answer, Argument, Call, Verb

OTHERWISE = "is it the right file? then have it made again, or bring another copy"


def explain(call: Call) -> Answer:
    """One rule, or all of them."""
    import dataclasses

    from asl_authority.errors import UsageError
    from asl_authority.front import ui
    from asl_authority.operations.own_rules import every_rule, own_rule

    rules, wanted = every_rule(), call.values.get("check_id")
    if wanted is None:
        text = "".join(f"{rule.check_id}\n" + "\n".join(ui.wrapped(rule.says, "  ")) + "\n" for rule in rules.values())
        return Answer(text, {"rules": [dataclasses.asdict(rule) for rule in rules.values()]})
    rule = rules.get(wanted.upper())
    if rule is None:
        near = [check_id for check_id in rules if check_id.startswith(wanted.upper().split("-")[0] + "-")]
        hint = f"near it: {', '.join(near)}" if near else "every rule: explain"
        raise UsageError(f"{wanted[:60]!a}: no such rule", hint=hint)
    own = own_rule(rule.check_id)
    now = own.now if own else OTHERWISE
    source = "the paper says so" if rule.basis == "S" else "chosen by this program"
    lines = (*ui.wrapped(rule.says, "  "), f"  of: {rule.paper} ({source})", *ui.wrapped(f"now: {now}", "  "))
    return Answer("\n".join((rule.check_id, *lines)) + "\n", {**dataclasses.asdict(rule), "now": now})


VERBS = (
    Verb(
        "explain",
        "say what a rule demands, and what to do where it is broken",
        "Every refusal begins with the id of the rule that was broken, such as LOG-CHAIN. This says the rule, the "
        "paper that it comes from, and what to do now. Without CHECK-ID it says every rule. Reads no store.",
        explain,
        (Argument(("CHECK-ID",), "the id of the rule, as the refusal says it", "CHECK-ID"),),
    ),
)
