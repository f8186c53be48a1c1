#!/bin/sh
# Makes the certificates by which the containers of docker-compose.yml know each other.
#
#   certificates.sh DIRECTORY NAME=USER:GROUP …
#
# An authority signs one certificate for each NAME, and its key is thrown away: what it signed can be renewed only
# together with it. Those that are valid for another 90 days stay, so running this again changes nothing. Each key
# belongs to the user that its server runs as. ca.pem is for everyone who connects.
set -eu

directory=$1
shift
days=730
enough=$((90 * 86400))
umask 077

valid() {
  for server in "$@"; do
    name=${server%%=*}
    openssl x509 -in "$directory/$name/cert.pem" -noout -checkend "$enough" >/dev/null 2>&1 || return 1
    openssl verify -CAfile "$directory/ca.pem" "$directory/$name/cert.pem" >/dev/null 2>&1 || return 1
  done
}

if valid "$@"; then
  echo "certificates: valid for 90 days and more"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$directory"
chmod 755 "$directory"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" -subj '/CN=Sluice containers' \
  -addext 'keyUsage=critical,keyCertSign' -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null

for server in "$@"; do
  name=${server%%=*}
  owner=${server#*=}
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
    -keyout "$work/$name.key" -out "$work/$name.csr" 2>/dev/null
  # Health checks ask their own container.
  printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' "$name" >"$work/$name.ext"
  openssl x509 -req -in "$work/$name.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days "$days" \
    -extfile "$work/$name.ext" -out "$work/$name.pem" 2>/dev/null
  mkdir -p "$directory/$name"
  mv "$work/$name.key" "$directory/$name/key.pem"
  mv "$work/$name.pem" "$directory/$name/cert.pem"
  chmod 755 "$directory/$name"
  chmod 644 "$directory/$name/cert.pem"
  if [ "$(id -u)" = 0 ]; then chown "$owner" "$directory/$name/key.pem"; fi
done

mv "$work/ca.pem" "$directory/ca.pem"
chmod 644 "$directory/ca.pem"
echo "certificates: made, valid for $days days"
