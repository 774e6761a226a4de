# What every service of the cache is confined to; a service adds what it needs and takes away what it can't do without.
# Node compiles as it runs, so MemoryDenyWriteExecute is not among these.
{
  # A service gets no privileges that its unit does not name.
  NoNewPrivileges = true;
  CapabilityBoundingSet = [ "" ];
  AmbientCapabilities = [ "" ];
  RestrictSUIDSGID = true;
  UMask = "0027";

  # Files: everything is read-only but ReadWritePaths, which each unit names.
  ProtectSystem = "strict";
  ProtectHome = true;
  PrivateTmp = true;
  PrivateDevices = true;
  PrivateMounts = true;
  RemoveIPC = true;

  # The kernel and its clocks are none of its business.
  ProtectKernelTunables = true;
  ProtectKernelModules = true;
  ProtectKernelLogs = true;
  ProtectControlGroups = true;
  ProtectClock = true;
  ProtectHostname = true;
  ProtectProc = "invisible";
  ProcSubset = "pid";
  RestrictNamespaces = true;
  RestrictRealtime = true;
  LockPersonality = true;
  SystemCallArchitectures = "native";
  SystemCallFilter = [
    "@system-service"
    "~@privileged @resources"
  ];
  SystemCallErrorNumber = "EPERM";

  # The Nix daemon's socket, and TCP to the cache and to git's hosts.
  RestrictAddressFamilies = [
    "AF_UNIX"
    "AF_INET"
    "AF_INET6"
  ];
}
