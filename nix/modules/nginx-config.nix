# nginx's part of the server, as text for its http context: a bounded cache of compressed NARs in front of Harmonia, which
# compresses each NAR anew for every reader. Used as it is by the NixOS module (services.nginx.appendHttpConfig) and by
# the lab. For nginx 1.22 and newer, built with http_auth_request_module (nixpkgs' and Debian's are).
#
# Around it nginx needs room for 200 clients at once: a reader of a NAR takes up to five connections while it is fetched,
# so worker_connections of 2048 or more (nginx's own default is 512), and worker_processes auto (the default is one).
# The directory above cacheDirectory must exist, and nginx's user must be able to write there.
{
  # TCP port of the cache.
  port,
  # Where Harmonia listens: "127.0.0.1:5001" or "unix:/run/harmonia.sock".
  upstream,
  # TCP port on 127.0.0.1 where nginx speaks with itself.
  fillPort ? port + 2,
  # Addresses to listen on, as nginx's listen takes them; null is the port on every address, IPv4 and IPv6.
  listen ? null,
  # Holds the NARs, and parts of those that are being fetched. Nothing else may be in it.
  cacheDirectory ? "/var/cache/nginx/nix-binary-cache",
  # Bytes that the NARs may take, as nginx writes sizes; the least recently used go first.
  cacheMaxSize ? "20g",
  # Bytes left free on the file system, whatever cacheMaxSize says. nginx looks every ten seconds, so it must hold what is
  # fetched in that time: a NAR that the disk fills up under is cut off.
  cacheMinFree ? "2g",
  # Memory for keys, about 8000 a megabyte; a full zone drops the least recently used, so this bounds the files, too.
  cacheKeysSize ? "16m",
  # A NAR that nobody asked for in this time goes.
  cacheInactive ? "60d",
  # Seconds that readers wait for the one fetch of a NAR under way, before they are served past the cache. Nix gives up
  # after stalled-download-timeout, 300 s by default: keep this below what the clients have.
  fillTimeout ? 120,
  # The status page's file; null for none. A status.svg beside it is served, too.
  statusPage ? "/var/lib/nix-binary-cache/status/index.html",
  # TCP port on 127.0.0.1 where /metrics is the metrics.prom beside the status page; null for none.
  metricsPort ? null,
  # A file HASH in it takes that path out of service: `cachectl scrub` puts one there for what is corrupt.
  withheldDirectory ? "/var/lib/nix-binary-cache/withheld",
  # A file HASH in the first has whoever asks for that path wait, in the second has it gone: `cachectl retain` places the
  # first for what it may delete, and renames it to the second once nginx's log told who reads what.
  decidingDirectory ? "/var/lib/nix-binary-cache/deciding",
  goingDirectory ? "/var/lib/nix-binary-cache/going",
  # What nginx's access_log takes.
  accessLog ? "off",
  # The same of another log, of requests that tell which keys a machine trusts; null for none.
  clientsLog ? null,
}:

let
  # Nix's base 32 has no e, o, t, u. The braces of a count need the quotes around each expression.
  digit = "[0-9a-df-np-sv-z]";
  addresses =
    if listen == null then
      [
        (toString port)
        "[::]:${toString port}"
      ]
    else
      listen;
  listens = builtins.concatStringsSep "\n  " (map (address: "listen ${address};") addresses);
  status =
    if statusPage == null then
      ""
    else
      ''
        location = / {
            root ${dirOf statusPage};
            default_type "text/html; charset=utf-8";
            add_header Cache-Control no-cache;
            add_header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'";
            add_header X-Content-Type-Options nosniff;
            try_files /${baseNameOf statusPage} =404;
          }

          location = /status.svg {
            root ${dirOf statusPage};
            types { image/svg+xml svg; }
            add_header Cache-Control no-cache;
            log_not_found off;
          }
      '';
  # Loopback alone: figures are for whoever gathers them on the server, not for readers of the cache.
  metrics =
    if metricsPort == null || statusPage == null then
      ""
    else
      ''

        server {
          listen 127.0.0.1:${toString metricsPort};
          server_tokens off;
          access_log off;

          location / {
            return 404;
          }

          location = /metrics {
            default_type "text/plain; version=0.0.4; charset=utf-8";
            add_header Cache-Control no-cache;
            alias ${dirOf statusPage}/metrics.prom;
          }
        }
      '';
  # The order counts: what is renamed between the two looks is seen by the second. Eight seconds are all that anybody
  # waits for a decision: then the path is served as if there were none to make.
  decision = hash: ''
    set $nix_undecided "";
      if (-f ${decidingDirectory}/${hash}) {
        set $nix_undecided "$nix_asked";
      }
      if ($nix_undecided ~ "^[.]{1,8}$") {
        return 401;
      }
      if (-f ${goingDirectory}/${hash}) {
        return 403;
      }
  '';
  # What stands here replaces the log of the level above.
  clients =
    if clientsLog == null then
      ""
    else
      "${if accessLog == "off" then "" else "access_log ${accessLog}; "}access_log ${clientsLog} if=$arg_trusts;";
  # Headers replace those of the level above as a whole, so each level has all of them.
  headers = range: encoding: ''
    proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header Content-Length "";
      proxy_set_header Range ${range};
      proxy_set_header Accept-Encoding ${encoding};
  '';
  # To and from Harmonia, for the public server and the one that fills.
  common = ''
    server_name _;
      server_tokens off;
      access_log ${accessLog};

      # NARs come compressed or on purpose not; what else is served is shorter than a packet.
      gzip off;
      sendfile on;
      # On, the end of a NAR waits for the client's delayed acknowledgement: measured, 44 ms for each on a kept connection.
      tcp_nopush off;
      send_timeout 60s;
      keepalive_requests 10000;

      # Only an HTTP/1.1 answer tells that it was cut off; without it nginx would keep half a NAR as a whole one.
      proxy_http_version 1.1;
      proxy_pass_request_body off;
      # Harmonia answers HEAD only since 3.1; nginx drops the body itself.
      proxy_method GET;
      proxy_connect_timeout 5s;
      proxy_send_timeout 15s;
      proxy_read_timeout 60s;
      proxy_redirect off;
      proxy_buffer_size 16k;
      proxy_buffers 16 64k;
      proxy_busy_buffers_size 128k;

      # A NAR's form is in its key; of the query only the path's hash is, so what else a client adds makes no second copy.
      proxy_cache_key $nix_binary_cache_encoding/$nix_nar/$nix_nar_path;
      proxy_cache_valid 200 ${cacheInactive};
      # A NAR never changes.
      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Expires X-Accel-Redirect X-Accel-Buffering;
      proxy_cache_use_stale off;
      uninitialized_variable_warn off;
  '';
in
''
  # Generated by nginx-config.nix.

  # What clients accept, brought down to the two forms that are kept. A client that refuses zstd (q=0) gets none.
  map $http_accept_encoding $nix_binary_cache_encoding {
    default identity;
    "~*(?:^|[,\s])zstd\s*;\s*q=0(?:\.0{0,3})?\s*(?:,|$)" identity;
    "~*(?:^|[,\s])zstd\s*(?:[;,]|$)" zstd;
  }

  proxy_cache_path ${cacheDirectory} levels=1:2 use_temp_path=off
    keys_zone=nix_binary_cache:${cacheKeysSize} max_size=${cacheMaxSize} min_free=${cacheMinFree}
    inactive=${cacheInactive};

  upstream nix_binary_cache_origin {
    server ${upstream} max_fails=0;
    keepalive 32;
  }

  # When the cache can't be written (its disk is full), the fill ends before its first byte, and Harmonia is read directly.
  upstream nix_binary_cache_fill {
    server 127.0.0.1:${toString fillPort} max_fails=0;
    server ${upstream} max_fails=0 backup;
    keepalive 32;
  }

  server {
    ${listens}
    ${common}
    client_header_timeout 15s;
    client_body_timeout 15s;
    client_max_body_size 1k;
    large_client_header_buffers 4 8k;
    keepalive_timeout 75s;
    reset_timedout_connection on;
    recursive_error_pages on;
    ${headers "\"\"" "identity"}

    if ($request_method !~ "^(GET|HEAD)$") {
      return 405;
    }

    # Harmonia's pages, logs, metrics and file listings are for nobody.
    location / {
      return 404;
    }

    location = /nix-cache-info {
      ${clients}
      error_page 502 = @nix_binary_cache_wait;
      proxy_pass http://nix_binary_cache_origin/nix-cache-info;
    }

    # Never cached: what the store holds is what narinfos say, from one moment to the next.
    location ~ "^/(?<nix_path>${digit}{32})\.narinfo$" {
      if (-f ${withheldDirectory}/$nix_path) {
        return 404;
      }
      set $nix_asked "''${nix_asked}.";
      auth_request /nix-binary-cache/decided;
      auth_delay 1s;
      error_page 401 = $uri$is_args$args;
      error_page 403 = @nix_binary_cache_gone;
      error_page 502 = @nix_binary_cache_wait;
      proxy_pass http://nix_binary_cache_origin/$nix_path.narinfo;
    }

    # What is cached goes out from here, without a copy.
    location ~ "^/nar/(?<nix_nar>${digit}{52})\.nar$" {
      if ($arg_hash !~ "^${digit}{32}$") {
        return 404;
      }
      # A client of HTTP/1.0 couldn't tell a NAR that was cut off from a whole one.
      if ($server_protocol ~ "^HTTP/(?:0\.9|1\.0)$") {
        return 505;
      }
      # The check below is a request of its own, with no query.
      set $nix_nar_path $arg_hash;
      set $nix_asked "''${nix_asked}.";

      # The store may have lost the path since the NAR was cached.
      auth_request /nix-binary-cache/has-path;
      auth_delay 1s;
      error_page 401 = $uri$is_args$args;
      error_page 403 = @nix_binary_cache_gone;
      error_page 418 = @nix_binary_cache_miss;
      error_page 500 502 = @nix_binary_cache_wait;

      proxy_cache nix_binary_cache;
      proxy_intercept_errors on;
      # HIT; whatever was not in the cache when it was asked for is a MISS.
      add_header X-Cache $upstream_cache_status;
      proxy_pass http://nix_binary_cache_fill/miss/$nix_nar;
    }

    location = /nix-binary-cache/has-path {
      internal;
      if (-f ${withheldDirectory}/$nix_nar_path) {
        return 403;
      }
      ${decision "$nix_nar_path"}
      # A check's answer is left unread, and its connection closed with it, unless it has no body: measured, a connection
      # for each NAR, of which a system has no more than 470 a second.
      proxy_method HEAD;
      proxy_intercept_errors on;
      error_page 404 405 = @nix_binary_cache_no_head;
      proxy_pass http://nix_binary_cache_origin/$nix_nar_path.narinfo;
    }

    # Not there, or a Harmonia before 3.1, which answers no HEAD.
    location @nix_binary_cache_no_head {
      # Asked for by a client, the check does not exist.
      if ($nix_nar = "") {
        return 404;
      }
      proxy_intercept_errors on;
      error_page 404 @nix_binary_cache_no_path;
      proxy_pass http://nix_binary_cache_origin/$nix_nar_path.narinfo;
    }

    location = /nix-binary-cache/decided {
      internal;
      ${decision "$nix_path"}
      return 204;
    }

    location @nix_binary_cache_no_path {
      if ($nix_nar = "") {
        return 404;
      }
      return 403;
    }

    location @nix_binary_cache_gone {
      default_type text/plain;
      return 404 "no such path\n";
    }

    location @nix_binary_cache_miss {
      error_page 502 = @nix_binary_cache_wait;
      # Once a byte went out nothing can be mended; before that, the next one is asked.
      proxy_next_upstream error;
      proxy_read_timeout ${toString (fillTimeout + 60)}s;
      proxy_max_temp_file_size 0;
      add_header X-Cache MISS;
      ${headers "$http_range" "$nix_binary_cache_encoding"}
      proxy_pass http://nix_binary_cache_fill/nar/$nix_nar.nar?hash=$nix_nar_path;
    }

    # Harmonia restarts within a second or two. Nix would take an error for an answer, and build what is here: wait, and
    # ask anew, three times. A delayed 401 is the one way in which nginx waits.
    location @nix_binary_cache_wait {
      if ($nix_waits = "...") {
        return 503 "the store is away\n";
      }
      set $nix_waits "''${nix_waits}.";
      auth_request /nix-binary-cache/unauthorized;
      auth_delay 1s;
      error_page 401 = $uri$is_args$args;
    }

    location = /nix-binary-cache/unauthorized {
      internal;
      return 401;
    }

    ${status}
  }

  # Fetches NARs, each once however many ask, into the cache.
  server {
    listen 127.0.0.1:${toString fillPort};
    ${common}

    location / {
      return 404;
    }

    location /miss/ {
      return 418;
    }

    location ~ "^/nar/(?<nix_nar>${digit}{52})\.nar$" {
      set $nix_nar_path $arg_hash;
      proxy_cache nix_binary_cache;
      proxy_cache_lock on;
      proxy_cache_lock_timeout ${toString fillTimeout}s;
      # Whoever waited this long fetches anew: the one who did may have died.
      proxy_cache_lock_age ${toString fillTimeout}s;
      ${headers "\"\"" "$nix_binary_cache_encoding"}
      proxy_pass http://nix_binary_cache_origin/nar/$nix_nar.nar?hash=$nix_nar_path;
    }
  }
  ${metrics}
''
