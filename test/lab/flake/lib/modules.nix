# Evaluates modules to their config. Options that no module declares take any definitions: the lab declares only those of
# NixOS that need more than putting together.
{ lib }:
{
  modules,
  specialArgs ? { },
}:
let
  inherit (builtins)
    attrNames
    concatMap
    isAttrs
    isFunction
    map
    removeAttrs
    ;
  merge = import ./merge.nix { inherit lib; };

  args = specialArgs // {
    inherit lib config options;
  };

  load = module: if isFunction module || isAttrs module then module else import module;
  call =
    module:
    let
      found = load module;
    in
    if isFunction found then found args else found;

  # A module that has neither options nor config is a config itself.
  normal =
    module:
    let
      bare = removeAttrs module [
        "imports"
        "_file"
        "key"
      ];
      full = module ? config || module ? options;
    in
    {
      imports = module.imports or [ ];
      options = if full then module.options or { } else { };
      config = if full then module.config or { } else bare;
    };

  # A file that several modules import counts once.
  collect =
    seen: list:
    builtins.foldl' (
      done: module:
      let
        key = if builtins.isPath module || builtins.isString module then toString module else null;
        one = normal (call module);
        within = collect (if key == null then done.seen else done.seen ++ [ key ]) one.imports;
      in
      if key != null && builtins.elem key done.seen then
        done
      else
        {
          inherit (within) seen;
          found = done.found ++ within.found ++ [ one ];
        }
    ) { inherit seen; found = [ ]; } list;

  all = (collect [ ] modules).found;
  options = builtins.foldl' lib.recursiveUpdate { } (map ({ options, ... }: options) all);

  valueOf =
    loc: option: defs:
    let
      found = concatMap lib.discharge defs;
      kind = if option.type or null == null then lib.types.anything else option.type;
      value =
        if found != [ ] then
          merge.one kind loc found
        else if option ? default then
          merge.one kind loc (lib.discharge option.default)
        else
          throw "The option `${builtins.concatStringsSep "." loc}` was accessed but has no value defined.";
    in
    (option.apply or (same: same)) value;

  at =
    loc: tree: defs:
    if tree ? _type && tree._type == "option" then
      valueOf loc tree defs
    else
      let
        sets = concatMap lib.pushDown defs;
        names = attrNames (builtins.foldl' (all: set: all // set) tree sets);
        below = name: concatMap (set: if set ? ${name} then [ set.${name} ] else [ ]) sets;
      in
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value =
            if tree ? ${name} then
              at (loc ++ [ name ]) tree.${name} (below name)
            else
              merge.free (loc ++ [ name ]) (concatMap lib.discharge (below name));
        }) (builtins.filter (name: tree ? ${name} || below name != [ ]) names)
      );

  config = at [ ] options (map ({ config, ... }: config) all);
in
{
  inherit config options;
}
