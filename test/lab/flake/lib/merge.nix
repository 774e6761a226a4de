# How definitions of one thing become its value. `defs` is a list of { value, priority, order }.
{ lib }:
let
  inherit (builtins)
    all
    attrNames
    concatMap
    head
    isAttrs
    isList
    map
    sort
    ;

  isSet = value: isAttrs value && !(value ? _type) && (value.type or "") != "derivation" && !(value ? outPath);
  where = loc: builtins.concatStringsSep "." loc;

  # Those that no other overrides.
  strongest =
    defs:
    let
      lowest = builtins.foldl' (low: { priority ? 100, ... }: if priority < low then priority else low) 9999 defs;
    in
    builtins.filter ({ priority ? 100, ... }: priority == lowest) defs;

  inOrder = sort ({ order ? 1000, ... }: other: order < (other.order or 1000));
  values = defs: map ({ value, ... }: value) (inOrder defs);
  lists = defs: builtins.concatLists (values defs);

  # Merges sets key by key; `each` gets a key and the definitions of its value.
  sets =
    each: defs:
    let
      found = map ({ value, ... }: value) defs;
      names = attrNames (builtins.foldl' (all: set: all // set) { } found);
      definitions = name: concatMap (set: if set ? ${name} then lib.discharge set.${name} else [ ]) found;
      present = builtins.filter (name: definitions name != [ ]) names;
    in
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = each name (definitions name);
      }) present
    );

  # By what the values are: sets and lists are put together, anything else has to be the same.
  free =
    loc: defs:
    let
      strong = strongest defs;
      found = values strong;
    in
    if all isSet found then
      sets (key: free (loc ++ [ key ])) strong
    else if all isList found then
      lists strong
    else if all (value: value == head found) found then
      head found
    else
      throw "The option `${where loc}` has conflicting definitions: ${builtins.toJSON found}";

  # One value of a kind.
  one =
    kind: loc: defs:
    let
      strong = strongest defs;
      wrong = builtins.filter ({ value, ... }: !kind.accepts value) strong;
    in
    if wrong == [ ] then
      kind.merge loc strong
    else
      throw "A definition for option `${where loc}` is not of type `${kind.name}`.";
in
{
  inherit
    free
    lists
    one
    sets
    ;
  strings = separator: loc: defs: builtins.concatStringsSep separator (values (strongest defs));
}
