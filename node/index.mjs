// Owns what the package gives to whoever imports it: the same.
import ferrumdb from "./index.js";

export const { Decimal, FerrumDB, FerrumDBError, Transaction } = ferrumdb;
