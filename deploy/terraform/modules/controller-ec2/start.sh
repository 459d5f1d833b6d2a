#!/bin/bash
# At the first start of an instance: takes the home and the address, then keeps Jenkins and Caddy running.
set -euo pipefail
export AWS_DEFAULT_REGION=${region}
dnf install -y docker awscli-2
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
instance=$(curl -sf -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id)

aws ec2 associate-address --allocation-id ${address} --instance-id "$instance"
# The former instance may still hold the volume: AWS gives it free when that one is gone.
until aws ec2 attach-volume --volume-id ${volume} --instance-id "$instance" --device /dev/sdf; do sleep 10; done
disk=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$(echo ${volume} | tr -d -)
until [[ -e $disk ]]; do sleep 2; done
# Only a volume without any file system is new.
blkid "$disk" || mkfs.ext4 -L jenkins "$disk"
mkdir -p /srv/jenkins
mountpoint -q /srv/jenkins || mount "$disk" /srv/jenkins
chown 1000:1000 /srv/jenkins

# Secrets: from Parameter Store into memory, one file each. They are read again at each start of the service.
cat >/usr/local/bin/farm-secrets <<'SCRIPT'
#!/bin/bash
set -euo pipefail
umask 077
mkdir -p /run/farm-secrets
for name in $(aws ssm get-parameters-by-path --path ${secrets_path} --query 'Parameters[].Name' --output text); do
  aws ssm get-parameter --name "$name" --with-decryption --query Parameter.Value --output text >"/run/farm-secrets/$${name##*/}"
done
chown -R 1000:1000 /run/farm-secrets
SCRIPT
chmod 755 /usr/local/bin/farm-secrets

registry=${split("/", image)[0]}
cat >/etc/systemd/system/jenkins.service <<UNIT
[Unit]
After=docker.service
Requires=docker.service
[Service]
Environment=AWS_DEFAULT_REGION=${region}
ExecStartPre=/usr/local/bin/farm-secrets
ExecStartPre=/bin/sh -c 'aws ecr get-login-password | docker login --username AWS --password-stdin $registry'
ExecStartPre=-/usr/bin/docker rm --force jenkins
ExecStart=/usr/bin/docker run --name jenkins --network host --cap-drop ALL --security-opt no-new-privileges \\
  --env CASC_JENKINS_CONFIG=/usr/share/slipway/jcasc/common,/usr/share/slipway/jcasc/aws \\
  --env JENKINS_URL=https://${domain}/ --env JENKINS_OPTS=--httpListenAddress=127.0.0.1 \\
  --volume /srv/jenkins:/var/jenkins_home --volume /run/farm-secrets:/run/secrets:ro ${image}
ExecStop=/usr/bin/docker stop --time 60 jenkins
Restart=always
RestartSec=10
[Install]
WantedBy=multi-user.target
UNIT
cat >/etc/systemd/system/caddy.service <<UNIT
[Unit]
After=docker.service
Requires=docker.service
[Service]
ExecStartPre=-/usr/bin/docker rm --force caddy
ExecStart=/usr/bin/docker run --name caddy --network host --volume /srv/jenkins/.caddy:/data caddy:2.10.0 \\
  caddy reverse-proxy --from ${domain} --to 127.0.0.1:8080
Restart=always
RestartSec=10
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now docker jenkins caddy
