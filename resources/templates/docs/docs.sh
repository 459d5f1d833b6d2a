# Makes the documentation of one package, in its source folder: sh -e /slipway/docs.sh docs. The environment is that of
# its build and tests; /slipway/docs.json says what to make.
. /slipway/slipway.sh
# No dates in pages: the same sources give the same bytes.
export SOURCE_DATE_EPOCH=1767225600 PYTHONDONTWRITEBYTECODE=1 LANGUAGE=en
exec python3 /slipway/docs.py
