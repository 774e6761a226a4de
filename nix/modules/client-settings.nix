# What a client's Nix is told, as an attribute set of settings: for NixOS and nix-darwin. The same as text,
# for Macs that no Nix configuration manages, is in components/client-settings/nix-conf.ts.
{
  url,
  publicKeys,
  connectTimeoutSeconds,
  downloadAttempts,
  narinfoNegativeTtlSeconds,
}:
{
  # Lists, which add to what is there. Nix asks in the order of the caches' priorities: cache.nixos.org has 40, this one
  # 50, as the server says; what none of them has is built here.
  lists = {
    substituters = [ url ];
    trusted-public-keys = publicKeys;
  };

  # Values, which give way to the user's own.
  values = {
    # In every version of Nix, a substituter that fails and has nobody behind it fails the build, unless this is set.
    fallback = true;
    # Nix's own default is 5 or 15 s by version (none before 2.29), and it counts for each lookup: a server that is
    # switched off must cost a moment. On a tailnet a connection is there within milliseconds, or it never is.
    connect-timeout = connectTimeoutSeconds;
    # Nix's own default, 5, makes five such waits of one.
    download-attempts = downloadAttempts;
    # For this long a client believes that a path is nowhere; by Nix's own default, an hour, it would build what another
    # machine built half an hour ago.
    narinfo-cache-negative-ttl = narinfoNegativeTtlSeconds;
  };
}
