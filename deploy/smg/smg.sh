#!/bin/sh
# Several vLLM servers behind one address of smg's (pip install smg):
#
#   SMG_KEY=… SMG_ADMIN_KEY=… deploy/smg/smg.sh http://10.0.0.5:8000 http://10.0.0.6:8000
#
# HOST and PORT say where it listens, 127.0.0.1:8100 without them. docs/ray.md says what geminid is told.
set -eu

: "${SMG_KEY:?the key that geminid will present}" "${SMG_ADMIN_KEY:?the key of those who add and remove servers}"
host=${HOST:-127.0.0.1} port=${PORT:-8100}

# Health is asked for every 5 s instead of 60, and one that failed three times gets nothing for 10 s instead of 60.
exec smg launch \
    --backend vllm --policy cache_aware --worker-urls "$@" \
    --host "$host" --port "$port" --prometheus-host 127.0.0.1 --prometheus-port "${METRICS_PORT:-29000}" \
    --api-key "$SMG_KEY" --control-plane-api-keys "operator:operator:admin:$SMG_ADMIN_KEY" \
    --health-check-interval-secs 5 --health-check-timeout-secs 2 \
    --cb-failure-threshold 3 --cb-timeout-duration-secs 10 \
    --retry-max-retries 3 --retry-max-backoff-ms 1000 \
    --log-level warn
