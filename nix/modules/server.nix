# The server of the cache: Harmonia behind nginx, the account that builders upload to, the scheduled jobs.
#
# Of nixpkgs' lib these modules use: mkOption mkEnableOption mkIf mkDefault mkOverride mkAfter literalExpression types
# optional toList optionalAttrs concatStringsSep attrByPath hasAttrByPath mapAttrs elem versionAtLeast removeSuffix hasPrefix,
# the builder filter all head splitString besides, darwin mkMerge mapAttrs' nameValuePair mapAttrsToList boolToString;
# and of types: bool str port package attrsOf anything listOf nullOr enum either strMatching submodule ints.positive
# ints.between.
{
  imports = [
    ./common.nix
    ./canary.nix
    ./server/options.nix
    ./server/serving.nix
    ./server/uploads.nix
    ./server/jobs.nix
    ./server/files.nix
    ./server/assertions.nix
  ];
}
