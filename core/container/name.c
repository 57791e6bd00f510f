/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of containers. The made-up ones are an adjective and the surname of someone who worked on
 * ships, harbours, maps or machines.
 */
#include "container/name.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/string.h"

static const char *const adjectives[] = {
    "able",      "airy",     "alert",    "amber",     "ample",    "apt",      "ardent",  "astute",
    "balmy",     "blithe",   "bold",     "brave",     "breezy",   "bright",   "brisk",   "buoyant",
    "calm",      "candid",   "careful",  "cheerful",  "chipper",  "clever",   "cordial", "cosy",
    "crisp",     "curious",  "daring",   "dauntless", "deft",     "devoted",  "eager",   "earnest",
    "easy",      "elated",   "fabled",   "fair",      "famous",   "fearless", "festive", "fleet",
    "fluent",    "fond",     "frank",    "free",      "friendly", "gallant",  "genial",  "gentle",
    "glad",      "gleaming", "golden",   "graceful",  "grand",    "handy",    "hardy",   "hearty",
    "helpful",   "honest",   "hopeful",  "humble",    "inspired", "jaunty",   "jolly",   "joyful",
    "jubilant",  "keen",     "kind",     "lively",    "lofty",    "loyal",    "lucid",   "lucky",
    "mellow",    "merry",    "mighty",   "mindful",   "modest",   "neat",     "nimble",  "noble",
    "patient",   "peaceful", "plucky",   "poised",    "polished", "proud",    "prudent", "quick",
    "quiet",     "radiant",  "ready",    "robust",    "serene",   "sharp",    "silent",  "sincere",
    "smooth",    "snug",     "sociable", "spirited",  "stalwart", "steady",   "sturdy",  "sunny",
    "swift",     "tactful",  "thankful", "tidy",      "tranquil", "trusty",   "upbeat",  "valiant",
    "versatile", "vigilant", "vivid",    "warm",      "watchful", "willing",  "witty",   "zealous",
};

static const char *const surnames[] = {
    "amundsen",   "archimedes",   "babbage",       "baret",      "bartik",     "beaufort",
    "behaim",     "bell",         "bering",        "bernoulli",  "bessemer",   "boole",
    "borda",      "bowditch",     "bremer",        "brunel",     "cabot",      "cartier",
    "cayley",     "champlain",    "chandrasekhar", "clarke",     "cook",       "cousteau",
    "cugnot",     "darwin",       "davis",         "dias",       "dijkstra",   "drake",
    "drebbel",    "dufour",       "earle",         "eckert",     "ericsson",   "euler",
    "faraday",    "fitzroy",      "flinders",      "fourier",    "franklin",   "froude",
    "fulton",     "galvani",      "gauss",         "germain",    "goethals",   "hall",
    "hamilton",   "harrison",     "heaviside",     "herschel",   "hipparchus", "holberton",
    "hopper",     "hudson",       "humboldt",      "huygens",    "johnson",    "kelvin",
    "knuth",      "kovalevskaya", "lamport",       "laperouse",  "leibniz",    "liskov",
    "lovelace",   "magellan",     "marconi",       "maury",      "maxwell",    "mccarthy",
    "meitner",    "mercator",     "mitchell",      "munk",       "nansen",     "newcomen",
    "noether",    "nunes",        "ortelius",      "papin",      "parsons",    "pascal",
    "peary",      "perlman",      "piccard",       "polo",       "pytheas",    "ramanujan",
    "rennie",     "ritchie",      "ross",          "rumsey",     "scoresby",   "shannon",
    "sklodowska", "smeaton",      "snell",         "somerville", "sperry",     "stephenson",
    "stevin",     "sverdrup",     "tasman",        "telford",    "tesla",      "tharp",
    "thompson",   "torricelli",   "trevithick",    "turing",     "vancouver",  "verne",
    "volta",      "watt",         "wegener",       "wilkes",     "zheng",
};

static bool word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool berth_container_name_valid(const char *name)
{
    if (name == NULL || !word_character(name[0]) || name[1] == '\0') {
        return false;
    }
    for (const char *at = name + 1; *at != '\0'; at++) {
        if (!word_character(*at) && strchr("_.-", *at) == NULL) {
            return false;
        }
    }
    return true;
}

char *berth_container_name_generate(uint64_t seed, unsigned attempt)
{
    const char *adjective = adjectives[seed % ARRAY_SIZE(adjectives)];
    const char *surname = surnames[(seed / ARRAY_SIZE(adjectives)) % ARRAY_SIZE(surnames)];
    if (attempt == 0) {
        return berth_format("%s_%s", adjective, surname);
    }
    return berth_format("%s_%s%u", adjective, surname, attempt % 10);
}
