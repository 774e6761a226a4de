# A Mac under nix-darwin: reads from the cache and, as a builder, sends what it builds. The files that lie on it are those
# that components/upload-hook/install.sh puts on Macs that Pulumi reaches.
{
  imports = [
    ./common.nix
    ./client-options.nix
    ./client-assertions.nix
    ./client-package.nix
    ./builder/options.nix
    ./builder/shared.nix
    ./darwin/settings.nix
    ./darwin/tell.nix
    ./darwin/uploader.nix
  ];
}
