// Owns what the package gives to whoever requires it.
"use strict";

const { FerrumDB } = require("./lib/database.js");
const { Decimal } = require("./lib/decimal.js");
const { FerrumDBError } = require("./lib/errors.js");
const { Transaction } = require("./lib/transaction.js");

module.exports = { Decimal, FerrumDB, FerrumDBError, Transaction };
