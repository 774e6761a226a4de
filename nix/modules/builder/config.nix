# config.json of a builder, from its options: the same fields as builderConfig() of components/upload-hook.
{ builder }:
{
  inherit (builder)
    name
    system
    maxPathBytes
    exclude
    batchPaths
    upstreamKeys
    ;
  server = {
    inherit (builder.server) host port hostKey;
    user = "nix-push";
  };
}
