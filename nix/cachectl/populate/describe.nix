# What populate and coverage have to know of an output, before anything is built.
drv:
if drv.type or null != "derivation" then
  throw "it is not a derivation"
else
  {
    inherit (drv) name drvPath system;
    outputs = builtins.listToAttrs (
      map (name: {
        inherit name;
        value = drv.${name}.outPath;
      }) (drv.outputs or [ "out" ])
    );
  }
