#!/bin/sh
# Records the example, executes it again from the record, changes one line, and says what differs.
# Needs reenact and the example's requirements on PATH; `make demo` sees to that.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
project="$here/.demo/vae"

say() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
}

show() {
    say "$@"
    "$@"
}

# A project of its own, so that nothing of this checkout is recorded with it.
rm -rf "$project"
mkdir -p "$project/.reenact"
cp "$here/examples/vae/train.py" "$here/examples/vae/requirements.txt" "$project"
cd "$project"
if command -v git >/dev/null; then
    git init -q .
    git add train.py requirements.txt
    git -c user.name=demo -c user.email=demo@example.com -c commit.gpgsign=false -c core.hooksPath=/dev/null \
        commit -q -m "The example"
fi

show reenact run --name vae train.py
show reenact ls
show reenact verify last

say "sed -i 's/^lr = 1e-3/lr = 2e-3/' train.py"
sed 's/^lr = 1e-3/lr = 2e-3/' train.py >edited.py
mv edited.py train.py

say "reenact run --name edited train.py"
reenact run --name edited train.py >/dev/null
show reenact diff vae last
say "reenact verify edited --json"
answer=$(reenact verify edited --json)
printf '%s\n' "$answer" | tail -n 1 | python -c '
import json, sys

found = json.load(sys.stdin)
print("steps compared:", found["steps_compared"])
print("verdict:", found["verdict"])
'
