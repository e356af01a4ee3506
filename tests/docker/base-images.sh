#!/usr/bin/env bash
# Makes the image that the Dockerfile begins with out of what is installed here, under the name that it uses, where there is no registry to pull it
# from: a Rust toolchain, a C compiler, and the sources of the dependencies.
set -euo pipefail
cd "$(dirname "$0")/../.."

name() { sed -n "s/^ARG $1=//p" Dockerfile; }
there() { docker image inspect "$1" >/dev/null 2>&1; }

# The files of Debian packages, links to folders included, without documents.
files_of() {
  dpkg -L "$@" 2>/dev/null | grep -vE '^/(\.|usr/share/(doc|man|locale|info|lintian|bug)(/.*)?)$' | sort -u | while read -r file; do
    if [ -L "$file" ] || [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done
}

# The shared libraries that programs need.
libraries_of() { ldd "$@" 2>/dev/null | grep -oE '/[^ :]+\.so[^ )]*' | sort -u; }

# Names that lead through a link of the file system's own (/lib is /usr/lib) go to where it leads: an image has the links as well.
real() { while read -r file; do printf '%s/%s\n' "$(realpath "$(dirname "$file")")" "$(basename "$file")"; done | sort -u; }
links() { for link in /bin /sbin /lib /lib64; do if [ -L "$link" ]; then echo "$link"; fi; done; }
# With what a link of a library leads to.
followed() { while read -r file; do echo "$file"; if [ -L "$file" ]; then realpath "$file"; fi; done; }

build_image=$(name RUST_IMAGE)
if ! there "$build_image"; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  cargo fetch --locked --quiet
  toolchain=$(rustc --print sysroot)
  home=${CARGO_HOME:-$HOME/.cargo}
  packages='gcc cpp g++ gcc-12 cpp-12 g++-12 binutils binutils-x86-64-linux-gnu binutils-common libbinutils libctf0 libctf-nobfd0
    libgprofng0 libjansson4 libc6 libc6-dev libc-dev-bin linux-libc-dev libgcc-12-dev libstdc++-12-dev libgcc-s1 libcrypt-dev
    coreutils dash bash sed grep findutils tar debianutils libc-bin'
  # shellcheck disable=SC2086
  links > "$scratch/list"
  {
    files_of $packages
    compilers="$(gcc -print-prog-name=cc1) $(gcc -print-prog-name=cc1plus) $(gcc -print-prog-name=collect2)"
    libraries_of $compilers "$(command -v ld)" "$(command -v as)" "$toolchain/bin/rustc" "$toolchain/bin/cargo" /bin/bash /bin/cp /bin/sed | followed
    printf '%s\n' /usr/bin/cc /usr/bin/c++ /etc/alternatives/cc /etc/alternatives/c++ /bin/sh /etc/ssl/certs/ca-certificates.crt
    readlink -f /usr/bin/ld
    echo /usr/bin/ld
    readlink -f /usr/bin/cc
  } | grep -v "^$toolchain" | grep -vE '^/root|^/(s?bin|lib[0-9x]*)$' | real >> "$scratch/list"
  find "$toolchain/bin" "$toolchain/lib" "$home/registry/index" "$home/registry/cache" \( -type f -o -type l \) >> "$scratch/list"
  tar --create --no-recursion --files-from "$scratch/list" 2>/dev/null | docker import \
    --change "ENV PATH=$toolchain/bin:/usr/bin:/bin" --change "ENV CARGO_HOME=$home" --change 'ENV CARGO_NET_OFFLINE=true' \
    --change "ENV CARGO_PROFILE_DEV_DEBUG=0" --change 'LABEL tidegate.made=tests' - "$build_image" >/dev/null
  echo "made $build_image"
fi
