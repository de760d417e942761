/* Speaks for the pure parts of the sealed /init, so that a test can ask them on any machine. Not part of an image. */
#include <stdio.h>
#include <string.h>

#include "seal.h"

static int probe_words(const char *cmdline, const char *permitted)
{
	struct words words;
	char why[REASON_SIZE];

	if (!read_words(cmdline, permitted, &words, why)) {
		printf("refused: %s\n", why);
		return 3;
	}
	printf("%s %s ram=%lu wait=%lu iso=%s\n", MODE_NAMES[words.mode], words.image, words.ram_mib, words.wait_s, words.iso);
	for (int i = 0; i < words.layers; i++)
		printf("%s %llu %s %s\n", words.layer[i].name, (unsigned long long)words.layer[i].data_blocks,
		       words.layer[i].root_hash, words.layer[i].salt);
	return 0;
}

/* Standard input, taken in steps of `step` bytes. */
static int probe_sha256(size_t step)
{
	static char data[1 << 16];
	struct sha256 hash;
	char hex[HEX_SIZE];
	size_t got;

	sha256_start(&hash);
	while ((got = fread(data, 1, step, stdin)) > 0)
		sha256_add(&hash, data, got);
	sha256_finish(&hash, hex);
	puts(hex);
	return 0;
}

static int probe_sums(const char *text)
{
	char hex[HEX_SIZE], name[64];
	bool bad;

	while (next_sum(&text, hex, name, &bad))
		printf("%s %.4s\n", name, hex);
	puts(bad ? "malformed" : "end");
	return 0;
}

static int probe_uevent(void)
{
	static char data[4096];
	struct uevent event;

	read_uevent(data, fread(data, 1, sizeof data - 1, stdin), &event);
	printf("%s %s %s %d %llu\n", event.action, event.subsystem, event.device, event.damage, event.block);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "words") == 0)
		return probe_words(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "sha256") == 0)
		return probe_sha256(strcmp(argv[2], "whole") == 0 ? 1 << 16 : 7);
	if (argc == 3 && strcmp(argv[1], "sums") == 0)
		return probe_sums(argv[2]);
	if (argc == 2 && strcmp(argv[1], "uevent") == 0)
		return probe_uevent();
	return 2;
}
