/* The kernel's command line: which words are permitted and what they mean. Pure.
 *
 * A word that nobody listed may ask the kernel or systemd for a shell (init=, systemd.debug_shell, single …), so
 * whatever is not on the image's own list is refused by name. Who has a boot loader of his own can leave this
 * program out altogether; this stops mistakes and guests at the keyboard.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seal.h"

const char *const MODE_NAMES[] = {"host", "rehearsal", "check"};
static const char *const LAYER_NAMES[LAYERS_WANTED] = {"base", "tools", "overlay"}; /* bottom first */

static const char VALUE_CHARACTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._,:/+@%-";
static const char HEX_CHARACTERS[] = "0123456789abcdef";

static bool is_made_of(const char *text, size_t size, const char *characters)
{
	return strspn(text, characters) >= size;
}

bool is_permitted(const char *word, const char *permitted)
{
	while (*permitted) {
		size_t size = strcspn(permitted, "\n");

		if (size > 1 && permitted[size - 1] == '*') {
			if (strncmp(word, permitted, size - 1) == 0 &&
			    is_made_of(word + size - 1, strlen(word + size - 1), VALUE_CHARACTERS))
				return true;
		} else if (size > 0 && strlen(word) == size && strncmp(word, permitted, size) == 0) {
			return true;
		}
		permitted += size + (permitted[size] == '\n');
	}
	return false;
}

static bool read_hex(const char *text, size_t size, char hex[HEX_SIZE])
{
	if (size != HEX_SIZE - 1 || !is_made_of(text, size, HEX_CHARACTERS))
		return false;
	memcpy(hex, text, size);
	hex[size] = '\0';
	return true;
}

/* Decimal, without sign, blank or needless zero. */
static bool read_number(const char *text, size_t size, unsigned long most, unsigned long *number)
{
	*number = 0;
	if (size < 1 || size > 18 || !is_made_of(text, size, "0123456789") || (size > 1 && *text == '0'))
		return false;
	for (size_t i = 0; i < size; i++)
		*number = *number * 10 + (unsigned long)(text[i] - '0');
	return *number <= most;
}

static bool is_next_layer(const char *text, const struct words *words)
{
	size_t size = strcspn(text, ",");
	const char *name = words->layers < LAYERS_WANTED ? LAYER_NAMES[words->layers] : "";

	return size > 0 && strlen(name) == size && strncmp(text, name, size) == 0;
}

/* <name>,<data blocks>,<root hash>,<salt>; the name is known to be the next one. */
static bool read_layer(const char *text, struct words *words)
{
	const char *part[4];
	size_t size[4];
	struct layer *layer = &words->layer[words->layers];

	for (int i = 0; i < 4; i++) {
		part[i] = text;
		size[i] = strcspn(text, ",");
		text += size[i];
		if ((*text == ',') != (i < 3))
			return false;
		text += i < 3;
	}
	unsigned long blocks;
	if (!read_number(part[1], size[1], 1UL << 40, &blocks) || blocks == 0 ||
	    !read_hex(part[2], size[2], layer->root_hash) || !read_hex(part[3], size[3], layer->salt))
		return false;
	strcpy(layer->name, LAYER_NAMES[words->layers]);
	layer->data_blocks = blocks;
	layer->minor = -1;
	words->layers++;
	return true;
}

static bool read_mode(const char *text, enum mode *mode)
{
	for (int i = MODE_HOST; i <= MODE_CHECK; i++)
		if (strcmp(text, MODE_NAMES[i]) == 0) {
			*mode = (enum mode)i;
			return true;
		}
	return false;
}

static bool read_path(const char *text, char path[256])
{
	if (*text != '/' || strlen(text) > 255 || strstr(text, "/../"))
		return false;
	strcpy(path, text);
	return true;
}

/* One word with a meaning for us. `seen` keeps that each but the layers is said once. */
static bool read_meaning(const char *word, struct words *words, unsigned *seen)
{
	static const char *const names[] = {"image=", "mode=", "ram=", "wait=", "iso="};
	const char *text = word + strlen("asl.");

	if (strncmp(text, "layer=", 6) == 0)
		return read_layer(text + 6, words);
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		size_t size = strlen(names[i]);

		if (strncmp(text, names[i], size) != 0)
			continue;
		if (*seen & 1u << i)
			return false;
		*seen |= 1u << i;
		text += size;
		switch (i) {
		case 0:
			return read_hex(text, strlen(text), words->image);
		case 1:
			return read_mode(text, &words->mode);
		case 2:
			return read_number(text, strlen(text), 1UL << 30, &words->ram_mib);
		case 3:
			return read_number(text, strlen(text), 3600, &words->wait_s);
		default:
			return read_path(text, words->iso);
		}
	}
	return false;
}

bool read_words(const char *cmdline, const char *permitted, struct words *words, char why[REASON_SIZE])
{
	unsigned seen = 0;
	char word[512];

	memset(words, 0, sizeof *words);
	words->wait_s = 60;
	/* The kernel lets quotes join words; we would split differently from it, so there are none. */
	if (strpbrk(cmdline, "\"'\\")) {
		snprintf(why, REASON_SIZE, "a quotation mark or backslash on the kernel's command line");
		return false;
	}
	for (;;) {
		cmdline += strspn(cmdline, " \t\r\n");
		size_t size = strcspn(cmdline, " \t\r\n");
		if (size == 0)
			break;
		snprintf(word, sizeof word, "%.*s", (int)(size < sizeof word ? size : sizeof word - 1), cmdline);
		cmdline += size;
		if (size >= sizeof word || !is_permitted(word, permitted)) {
			snprintf(why, REASON_SIZE, "the kernel command-line word '%.80s' is not permitted", word);
			return false;
		}
		if (strncmp(word, "asl.layer=", 10) == 0 && !is_next_layer(word + 10, words)) {
			snprintf(why, REASON_SIZE, "the layers are base, tools, overlay in this order; '%.80s' is not the next one",
				 word);
			return false;
		}
		if (strncmp(word, "asl.", 4) == 0 && !read_meaning(word, words, &seen)) {
			snprintf(why, REASON_SIZE, "the kernel command-line word '%.80s' makes no sense", word);
			return false;
		}
	}
	if (!words->image[0] || words->layers == 0) {
		snprintf(why, REASON_SIZE, "the kernel's command line does not say which image to start (%s)",
			 words->image[0] ? "asl.layer" : "asl.image");
		return false;
	}
	if (words->layers < LAYERS_WANTED) {
		snprintf(why, REASON_SIZE, "layer %s is missing on the kernel's command line", LAYER_NAMES[words->layers]);
		return false;
	}
	return true;
}
