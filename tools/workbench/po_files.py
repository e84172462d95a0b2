"""Merging and checking .po files; it runs with the packages of the project (polib)."""

import re
import sys
from pathlib import Path

import polib

#: what the exporter leaves empty, by language
PLURALS = {
    "ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);",
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]")


def merge(folder):
    """Bring every translation in the folder in line with its template: keep what is translated, drop what is gone."""
    template = polib.pofile(str(next(folder.glob("*.pot"))))
    # the export's time would change the file with every run
    for name in ("POT-Creation-Date", "PO-Revision-Date"):
        template.metadata.pop(name, None)
    template.metadata["Content-Transfer-Encoding"] = "8bit"
    template.metadata.pop("Plural-Forms", None)
    template.save()
    for path in folder.glob("*.po"):
        old = {(entry.msgctxt, entry.msgid): entry.msgstr for entry in polib.pofile(str(path))}
        translation = polib.POFile(wrapwidth=78)
        translation.metadata = dict(template.metadata, Language=path.stem)
        translation.metadata["Plural-Forms"] = PLURALS.get(path.stem.split("_")[0], "nplurals=2; plural=(n != 1);")
        for entry in sorted(template, key=lambda entry: entry.msgid):
            translation.append(
                polib.POEntry(
                    msgid=entry.msgid,
                    msgctxt=entry.msgctxt,
                    msgstr=old.get((entry.msgctxt, entry.msgid), ""),
                    occurrences=entry.occurrences,
                    comment=entry.comment,
                    flags=[flag for flag in entry.flags if flag != "fuzzy"],
                )
            )
        translation.save(str(path))


def check(folder):
    """Print what is wrong with the translations; return how many things."""
    found = []
    for template in folder.glob("*.pot"):
        wanted = {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(template))}
        for path in folder.glob("*.po"):
            entries = {(entry.msgctxt, entry.msgid): entry for entry in polib.pofile(str(path)) if not entry.obsolete}
            found += [f"{path.name}: not in it: {key[1]!r}" for key in sorted(wanted - entries.keys(), key=str)]
            found += [f"{path.name}: no longer used: {key[1]!r}" for key in sorted(entries.keys() - wanted, key=str)]
            for entry in entries.values():
                if not re.search(r"[^\W\d_]", PLACEHOLDER.sub("", entry.msgid)):
                    continue  # nothing to translate
                if not entry.msgstr or "fuzzy" in entry.flags:
                    found.append(f"{path.name}: not translated: {entry.msgid!r}")
                elif sorted(PLACEHOLDER.findall(entry.msgid)) != sorted(PLACEHOLDER.findall(entry.msgstr)):
                    found.append(f"{path.name}: placeholders differ: {entry.msgid!r}")
    print("\n".join(found) or f"{folder.parent.name}: translations are complete")
    return len(found)


if __name__ == "__main__":
    action, where = sys.argv[1:]
    sys.exit(1 if {"merge": merge, "check": check}[action](Path(where)) else 0)
