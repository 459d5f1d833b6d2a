#!/bin/sh
# Connects to the controller by WebSocket, with the agent.jar of that controller's own version.
set -eu
: "${AGENT_CONTROLLER:?the address of the controller}" "${AGENT_NAME:?the name of the node}"
secret=/run/slipway-agent/secret

waited=0
until [ -s "$secret" ]; do
  # Restarted by compose: the message tells what is missing, and the next try may find it.
  [ "$waited" -lt 120 ] || { echo "no secret of the node $AGENT_NAME after 2 minutes" >&2; exit 1; }
  sleep 1
  waited=$((waited + 1))
done
curl --fail --silent --show-error --retry 10 --retry-connrefused --output /var/lib/slipway-agent/agent.jar \
  "${AGENT_CONTROLLER%/}/jnlpJars/agent.jar"
exec java -jar /var/lib/slipway-agent/agent.jar -url "$AGENT_CONTROLLER" -name "$AGENT_NAME" -secret "@$secret" \
  -webSocket -workDir /var/lib/slipway-agent
