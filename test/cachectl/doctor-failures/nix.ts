/** In Nix's settings. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Failure } from "./failure.ts";

export const nix: readonly Failure[] = [
  {
    what: "Nix does not ask the cache",
    on: "builder",
    provoke: (world) => (world.nix.substituters = ["https://cache.nixos.org?priority=40"]),
    check: "substituters",
    level: "failure",
    says: /Nix does not ask http:\/\/127\.0\.0\.1/,
    // Where no substituter is the cache, its port can only be the usual one.
    also: ["port"],
  },
  {
    what: "ours is asked first",
    on: "client",
    provoke: (world) => (world.nix.substituters = ["https://cache.nixos.org?priority=60", world.url]),
    check: "substituters",
    level: "warning",
    says: /ours before the public one/,
  },
  {
    what: "Nix believes an old priority",
    on: "client",
    provoke: (world) => {
      mkdirSync(join(world.folder, "cache", "nix"), { recursive: true });
      const database = new DatabaseSync(join(world.folder, "cache", "nix", "binary-cache-v6.sqlite"));
      database.exec(
        "create table BinaryCaches (id integer, url text, timestamp integer, storeDir text, priority integer)",
      );
      const time = Math.floor(Date.now() / 1000) - 7200;
      database.exec(`insert into BinaryCaches values (1, '${world.url}', ${time}, '/nix/store', 30)`);
      database.close();
    },
    check: "substituters",
    level: "warning",
    says: /still believes priority 30 \(noted 2 h ago\), the cache says 50/,
  },
  {
    what: "fallback is off",
    on: "client",
    provoke: (world) => (world.nix.fallback = false),
    check: "fallback",
    level: "failure",
    says: /fallback is off/,
  },
  {
    what: "no connect-timeout",
    on: "client",
    provoke: (world) => (world.nix["connect-timeout"] = 0),
    check: "fallback",
    level: "warning",
    says: /connect-timeout is none/,
  },
  {
    what: "many attempts",
    on: "client",
    provoke: (world) => (world.nix["download-attempts"] = 5),
    check: "fallback",
    level: "warning",
    says: /download-attempts is 5/,
  },
  {
    what: "what is not there is believed for an hour",
    on: "client",
    provoke: (world) => (world.nix["narinfo-cache-negative-ttl"] = 3600),
    check: "fallback",
    level: "warning",
    says: /narinfo-cache-negative-ttl is 3600 s/,
  },
  {
    what: "nix.conf changed since the daemon was started",
    on: "client",
    provoke: (world) => world.age("nix/nix.conf", 60),
    check: "daemon",
    level: "failure",
    says: /nix\.conf was changed 60 s ago, after the daemon was started/,
  },
  {
    what: "an included file changed since the daemon was started",
    on: "client",
    provoke: (world) => {
      world.write("nix/nix.conf", "!include nix-binary-cache.conf\n");
      world.age("nix/nix.conf", 3600);
      world.write("nix/nix-binary-cache.conf", "fallback = true\n");
    },
    check: "daemon",
    level: "failure",
    says: /nix-binary-cache\.conf was changed/,
  },
];
