# What the steps of .ci/run for other systems share: Zig as the cross-compiler, Debian's packages for another processor
# or of another release, and wheels that are built here for elsewhere.

# zig_compiler TARGET: build/zig/TARGET-c++, ar and ranlib, from the pinned package. The first program linked
# for a target compiles its C++ library, which takes some two minutes.
zig_compiler() {
  local tool
  make .venv/with-release
  mkdir -p build/zig
  # Zig writes x86_64_v4 for -march=x86-64-v4.
  printf '#!/bin/bash\nexec %q -m ziglang c++ -target %s "${@/#-march=x86-64-v/-march=x86_64_v}"\n' "$PWD/$PYTHON" "$1" \
    > "build/zig/$1-c++"
  for tool in ar ranlib; do printf '#!/bin/sh\nexec %q -m ziglang %s "$@"\n' "$PWD/$PYTHON" $tool > build/zig/$tool; done
  chmod +x build/zig/*
}

# debian_apt TYPE RELEASE ARCHITECTURE FOLDER: in FOLDER, apt's lists of the packages (deb) or the sources (deb-src) of a
# release of Debian, for APT_CONFIG=FOLDER/apt.conf. Needs Debian's keys and apt.
debian_apt() {
  local type=$1 release=$2 architecture=$3 apt=$4 archive
  rm -rf "${apt:?}"
  mkdir -p "$apt"/{lists,cache}/partial "$apt/cache/archives/partial" "$apt/none"
  : > "$apt/status"
  archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | awk '!/security/ && !n++')  # this machine's
  echo "$type [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $release main" > "$apt/sources.list"
  cat > "$apt/apt.conf" << END
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/none";
Dir::Etc::preferencesparts "$apt/none";
END
  APT_CONFIG=$apt/apt.conf apt-get update -qq
}

# debian_root RELEASE ARCHITECTURE FOLDER PACKAGE...: the packages and what they need, unpacked in FOLDER. Their
# scripts do not run, and the packages of this machine stay as they are.
debian_root() {
  local release=$1 architecture=$2 folder apt package
  folder=$(realpath --canonicalize-missing "$3")
  apt=$folder.apt
  shift 3
  rm -rf "${folder:?}"
  mkdir -p "$folder"
  debian_apt deb "$release" "$architecture" "$apt"
  APT_CONFIG=$apt/apt.conf apt-get install -qq -y --download-only "$@"
  for package in "$apt"/cache/archives/*.deb; do dpkg-deb --extract "$package" "$folder"; done
}

# in_root FOLDER COMMAND...: runs a command in a root of this processor, as root, where this project is /deepnet.
in_root() {
  local folder=$1 root=()
  shift
  [ "$(id -u)" = 0 ] || root=(sudo)
  mkdir -p "$folder/deepnet" "$folder/dev" "$folder/proc"
  "${root[@]}" unshare --mount bash -euc '
    mount --rbind /dev "$0/dev"
    mount -t proc proc "$0/proc"
    mount --bind "$PWD" "$0/deepnet"
    exec chroot "$0" /usr/bin/env --unset=CMAKE_CXX_COMPILER_LAUNCHER --chdir=/deepnet PATH=/usr/bin "$@"' "$folder" "$@"
}

# debian_source PACKAGE FOLDER: the source that its authors released, unpacked in FOLDER: the newest that Debian's mirror
# has. Its lists may name sources that it does not have.
debian_source() {
  local package=$1 folder release
  folder=$(realpath --canonicalize-missing "$2")
  for release in sid testing stable; do
    debian_apt deb-src $release "$(dpkg --print-architecture)" "$folder.apt"
    rm -rf "${folder:?}"
    mkdir -p "$folder"
    (cd "$folder.apt" && APT_CONFIG=$PWD/apt.conf apt-get source -qq --download-only --only-source "$package") || continue
    tar --extract --file "$folder.apt"/*.orig.tar.?z --strip-components=1 --directory "$folder"
    return
  done
  return 1
}

# python_without_gil FOLDER: CPython compiled for free threading, in FOLDER, since no package has it: the newest version
# whose source can be downloaded.
python_without_gil() {
  local folder=$PWD/$1 version
  [ ! -x "$folder/bin/python3" ] || return 0
  for version in 3.14 3.13; do
    debian_source python$version "$folder.source" || continue
    (mkdir -p "$folder.objects" && cd "$folder.objects" &&
      "$folder.source/configure" --quiet --prefix="$folder" --disable-gil --disable-test-modules &&
      make --silent --jobs=2 && make --silent install) > "$folder.log" 2>&1 || { tail "$folder.log"; return 1; }
    return
  done
  echo "Debian's mirror has the source of none of these versions"
  return 1
}

# zig_wheel TARGET PROCESSOR [VARIABLE=VALUE...]: the wheel for it, in build/wheels/TARGET/dist, with the tag of the oldest
# C library on which it runs. The variables describe the Python of that system. pybind11 would try link-time
# optimisation, for which Zig compiles its C++ library once more.
zig_wheel() {
  local target=$1 processor=$2 folder=$PWD/build/wheels/$1
  shift 2
  zig_compiler "$target"
  rm -rf "$folder/built" "$folder/dist"
  env "$@" PATH="$PWD/.venv/bin:$PATH" CXX="$PWD/build/zig/$target-c++" \
    CMAKE_ARGS="-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=$processor -DCMAKE_AR=$PWD/build/zig/ar \
-DCMAKE_RANLIB=$PWD/build/zig/ranlib -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF" \
    $PYTHON -m build --no-isolation --wheel -Cbuild-dir="$folder/objects" --outdir "$folder/built" .
  PATH="$PWD/.venv/bin:$PATH" $PYTHON -m auditwheel repair --wheel-dir "$folder/dist" "$folder"/built/*.whl
  ls -l "$folder/dist"
  [ -z "$(find "$folder/dist" -name '*.whl' -size +2000k)" ] || { echo "the wheel is larger than 2 MB"; return 1; }
}
