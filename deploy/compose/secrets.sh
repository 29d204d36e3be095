#!/bin/sh
# Makes all secrets of compose.yaml, once, in a folder that only root can open. Run it as root, after building the image.
#
# Compose mounts these files as they are. So what several users in containers read is readable there by all of them;
# the keyring, which may not be, belongs to Safelight's own.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir secrets

word() {
    head -c 32 /dev/urandom | od -A n -v -t x1 | tr -d ' \n'
}

aws() {
    printf '[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$2" "$3"
}

password=$(word) key=$(word) secret=$(word) upload_key=$(word) upload_secret=$(word)

printf '%s' "$password" > secrets/postgres-password
printf 'postgresql://safelight:%s@postgres/safelight' "$password" > secrets/database-url
printf 'sl_%.32s_%s' "$(word)" "$(word)" > secrets/bootstrap-key
aws default "$key" "$secret" > secrets/aws
aws uploads "$upload_key" "$upload_secret" >> secrets/aws
cat > secrets/s3.json <<END
{
  "identities": [
    {
      "name": "safelight",
      "credentials": [{"accessKey": "$key", "secretKey": "$secret"}],
      "actions": ["Read:safelight", "Write:safelight", "List:safelight", "Tagging:safelight"]
    },
    {
      "name": "uploads",
      "credentials": [{"accessKey": "$upload_key", "secretKey": "$upload_secret"}],
      "actions": ["Write:safelight/incoming/*"]
    },
    {"name": "anonymous", "actions": ["Read:safelight/public/*"]}
  ]
}
END
docker run --rm --user 0 --volume "$PWD/secrets:/secrets" safelight:0.1.0 signing-keys create /secrets/keyring.json

chmod 0444 secrets/postgres-password secrets/database-url secrets/bootstrap-key secrets/aws secrets/s3.json
chown 10001:10001 secrets/keyring.json
echo "Made deploy/compose/secrets: keep it out of backups that others read."
