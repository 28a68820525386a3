// Owns what the package gives to whoever imports it: the same.
import ferrumdb from "./index.js";

export const { FerrumDB, FerrumDBError, Transaction } = ferrumdb;
