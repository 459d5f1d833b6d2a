#!/bin/sh
# Makes (or brings up to date) a git repository of each folder in src/.
set -eu
cd "$(dirname "$0")"
for source in src/*; do
  repository=repositories/${source#src/}
  [ -d "$repository/.git" ] || git init --quiet --initial-branch=main "$repository"
  find "$repository" -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +
  cp -a "$source/." "$repository/"
  git -C "$repository" add --all
  git -C "$repository" diff --cached --quiet || git -C "$repository" -c user.name=Acme -c user.email=robots@example.org commit --quiet -m "As in $source"
done
