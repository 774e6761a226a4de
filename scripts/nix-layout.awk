# Checks the layout of a Nix file. It stands in for nixfmt, which no package registry has that the project installs
# from: it holds files to what every formatter of Nix agrees on, and leaves the breaking of lines to their authors.
# usage: awk -f nix-layout.awk FILE     status 1 when something was found, each on its own line

function complain(what) {
    printf "%s:%d: %s\n", FILENAME, FNR, what
    found = 1
}

{
    last = $0
    indent = match($0, /[^ ]/) ? RSTART - 1 : 0
}

# Within a text of several lines, which begins and ends with two apostrophes, indentation is the text's own.
function ends_of_text(line) {
    gsub(/''['$\\]/, "", line)
    return gsub(/''/, "", line)
}

/\t/ { complain("a tab; indent with two spaces") }
/[ \t\r]$/ { complain("blanks at the end of the line") }
!text && indent % 2 == 1 { complain("indented by " indent " spaces; expected a multiple of two") }
!text && indent > above + 2 && FNR > 1 { complain("indented by " indent " spaces below " above "; expected at most two more") }
length($0) > 130 { complain("is " length($0) " characters long; expected at most 130") }
FNR == 1 && $0 == "" { complain("an empty line at the start") }
FNR > 1 && $0 == "" && empty { complain("two empty lines; expected one") }

{
    empty = $0 == ""
    if (!empty && !text) above = indent
    if ($0 !~ /^ *#/ || text) text = (text + ends_of_text($0)) % 2
}

END {
    if (FNR > 0 && last == "") complain("an empty line at the end")
    exit found
}
