# cachectl is TypeScript that Node runs as it is, which it does without a flag since 22.18.
{ lib, nodejs }:
{
  assertion = lib.versionAtLeast (nodejs.version or "22.18") "22.18";
  message =
    "services.nix-binary-cache.nodejs: found ${nodejs.version or "?"}, needed 22.18 or newer. "
    + "Set it to the nodejs_24 of a newer nixpkgs.";
}
