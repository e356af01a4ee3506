#!/usr/bin/env sh
# Makes an authority and a certificate for each side of sidecar.yml, in ./certs, for trying it out.
set -eu
cd "$(dirname "$0")"
mkdir -p certs
cd certs
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=example mesh" -keyout ca.key -out ca.pem
for name in app caller; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
  # The name of the service, and those of its replicas: a request is taken only for a host that the certificate covers.
  printf 'subjectAltName=DNS:%s,DNS:%s-1,DNS:%s-2\n' "$name" "$name" "$name" > "$name.ext"
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile "$name.ext" -out "$name.pem"
  # The image does not run as root, and the keys are for its user alone to read where the machine has one of that number.
  chmod 644 "$name.key"
done
