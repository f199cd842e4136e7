# For containerd: images/busybox.tar as the image localhost/busybox:latest, which sleeps if it is told nothing else, as a pause image does.

# ctr imports archives of images only, which docker and skopeo make of a root: here by hand.
import_image() {
  mkdir -p "$work/image/blobs/sha256"
  cd "$work/image" || exit 1
  put() { sum=$(sha256sum <"$1" | cut -d' ' -f1) size=$(wc -c <"$1") && mv "$1" "blobs/sha256/$sum"; }
  type=application/vnd.oci.image
  cp "$images/busybox.tar" layer && put layer
  layer="{\"mediaType\":\"$type.layer.v1.tar\",\"digest\":\"sha256:$sum\",\"size\":$size}"
  printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sleep","100000"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(dpkg --print-architecture)" "$sum" >config && put config
  printf '{"schemaVersion":2,"config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
    "$type" "$sum" "$size" "$layer" >manifest && put manifest
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"io.containerd.image.name":"localhost/busybox:latest"}}]}' \
    "$type" "$sum" "$size" >index.json
  echo '{"imageLayoutVersion":"1.0.0"}' >oci-layout
  tar -cf ../image.tar . && cd / && ctr image import "$work/image.tar" >/dev/null
}
