# What the Mac's Nix is told. Nix may be managed by nix-darwin (nix.settings), or by Determinate Nix (`nix.enable = false`):
# then nix-darwin throws at every reading of its own nix options, nix.conf is Determinate's, and nix.custom.conf is ours to
# use: through Determinate's own nix-darwin module where that writes it, else by a line that includes a file of ours.
{
  config,
  lib,
  options,
  ...
}:
let
  inherit (config.services.nix-binary-cache) builder client package;
  reads = client.enable && client.url != null;
  settings = import ../client-settings.nix {
    inherit (client)
      url
      publicKeys
      connectTimeoutSeconds
      downloadAttempts
      narinfoNegativeTtlSeconds
      ;
  };
  lists = lib.optionalAttrs reads settings.lists;
  hook = lib.optionalAttrs (builder.enable && builder.hook) { post-build-hook = "/etc/nix/upload-to-cache.sh"; };
  weakly = lib.mapAttrs (_: lib.mkOverride 1100) (lib.optionalAttrs reads settings.values);

  # Determinate's nix.conf reads nix.custom.conf before all else and has lists of its own; `extra-` adds to them.
  extra = lib.mapAttrs' (name: lib.nameValuePair "extra-${name}") lists;
  text = import ../conf-text.nix { inherit lib; } (extra // lib.optionalAttrs reads settings.values // hook);

  managed = config.nix.enable;
  # The module was renamed once.
  determinate = lib.filter (name: lib.hasAttrByPath [ name "customSettings" ] options) [
    "determinateNix"
    "determinate-nix"
  ];
  # Imported, it may be switched off, and writes nothing then.
  writes = determinate != [ ] && (config.${lib.head determinate}.enable or true);
  byModule = !managed && writes;
  byFile = !managed && !writes;
  activation = "/bin/sh ${package}/lib/nix-binary-cache/darwin/include-settings.sh";
in
{
  config = lib.mkMerge [
    (lib.mkIf managed {
      nix.settings = lists // weakly // hook;
      nix.envVars = lib.mkIf (builder.enable && builder.nextHook != null) {
        NIX_BINARY_CACHE_NEXT_HOOK = builder.nextHook;
      };
    })

    (lib.optionalAttrs (determinate != [ ]) {
      ${lib.head determinate}.customSettings = lib.mkIf byModule (extra // weakly // hook);
    })

    # After /etc was written. Nothing of Determinate's has its daemon read settings that changed, the hook's name among them.
    (lib.mkIf (byModule && text != "") {
      system.activationScripts.postActivation.text = "${activation} generated\n";
    })

    (lib.mkIf (byFile && text != "") {
      environment.etc."nix/nix-binary-cache.conf".text = text;
      # Adds the line where it is missing, too.
      system.activationScripts.postActivation.text = "${activation}\n";
    })

    (lib.mkIf builder.enable {
      assertions = [
        {
          assertion = builder.nextHook == null || managed;
          message =
            "services.nix-binary-cache.builder.nextHook: is set, but nix.enable is false, so nothing here sets the daemon's "
            + "environment. Take it out: Determinate Nix's own hook is called in any case.";
        }
      ];
    })
  ];
}
