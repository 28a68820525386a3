// Owns the types of what is imported: the same as of what is required.
export * from "./index.js";
