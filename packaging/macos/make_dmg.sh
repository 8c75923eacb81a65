#!/bin/sh
# Puts mmsearch-desktop.app into a disk image: make_dmg.sh FOLDER VERSION. FOLDER holds the app.
#
# With SIGN_AS set to the name of a "Developer ID Application" certificate in the keychain, the app
# is signed first; with NOTARY_PROFILE set as well (a profile stored by `xcrun notarytool
# store-credentials`), the image is notarised and the ticket stapled to it. Without them the image is
# for this computer: macOS tells other people that the app is from nobody it knows.
set -eu

folder=$1
version=$2
app="$folder/mmsearch-desktop.app"
image="$folder/mmsearch-desktop-$version.dmg"
recipe=$(cd "$(dirname "$0")" && pwd)

if [ -n "${SIGN_AS:-}" ]; then
    # the programs and libraries inside first, the app last: its seal covers them all
    find "$app/Contents" -type f \( -name '*.so' -o -name '*.dylib' -o -perm -u+x \) -print0 |
        xargs -0 -n 20 codesign --force --timestamp --options runtime \
            --entitlements "$recipe/entitlements.plist" --sign "$SIGN_AS"
    codesign --force --timestamp --options runtime \
        --entitlements "$recipe/entitlements.plist" --sign "$SIGN_AS" "$app"
    codesign --verify --deep --strict "$app"
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -R "$app" "$stage/"
ln -s /Applications "$stage/Applications"
rm -f "$image"
hdiutil create -volname mmsearch-desktop -srcfolder "$stage" -format ULFO -ov "$image"

if [ -n "${SIGN_AS:-}" ] && [ -n "${NOTARY_PROFILE:-}" ]; then
    codesign --timestamp --sign "$SIGN_AS" "$image"
    xcrun notarytool submit "$image" --keychain-profile "$NOTARY_PROFILE" --wait
    xcrun stapler staple "$image"
fi
