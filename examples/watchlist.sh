#!/usr/bin/env bash
# Tracks a few symbols in the running fleet. Arguments go to every command, such as --data-dir /srv/candles.
#   PROVIDER=kraken QUOTE=USD examples/watchlist.sh
set -euo pipefail
cd "$(dirname "$0")/.."

provider=${PROVIDER:-binance}
quote=${QUOTE:-USDT}
flags=("$@")
# The odd quoting: to bash 3.2 of macOS an empty array is an unset one.
candlefleet() { npx candlefleet ${flags[@]+"${flags[@]}"} "$@"; }

for base in BTC ETH SOL; do
  candlefleet symbols add "$base/$quote" --provider "$provider" --timeframes 1h,1d --from 2024-01-01
done
# A bounded stretch: nothing is fetched outside of it.
candlefleet symbols add "BTC/$quote" --provider "$provider" --timeframes 5m --from 2024-01-01 --to 2024-02-01
candlefleet symbols list
