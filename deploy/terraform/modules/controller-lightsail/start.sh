#!/bin/bash
# At the first start: Docker, Jenkins and Caddy. Put secrets into /etc/farm-secrets, owned by user 1000, and restart jenkins.
set -euo pipefail
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker.io
install -d -o 1000 -g 1000 -m 700 /etc/farm-secrets
docker run -d --name jenkins --restart unless-stopped --network host --cap-drop ALL --security-opt no-new-privileges \
  --env JENKINS_URL=https://${domain}/ --env JENKINS_OPTS=--httpListenAddress=127.0.0.1 \
  --volume jenkins_home:/var/jenkins_home --volume /etc/farm-secrets:/run/secrets:ro ${image}
docker run -d --name caddy --restart unless-stopped --network host --volume caddy:/data caddy:2.10.0 \
  caddy reverse-proxy --from ${domain} --to 127.0.0.1:8080
