/**
 * The bindings of SQLite: the package `better-sqlite3`, Node's own and Bun's own.
 *
 * @module
 */

import process from "node:process";

import { benchPackage } from "../../support/places.ts";
import type { Engine, EngineOptions } from "../engine.ts";
import { openSql, type SqlDatabase, type Statement } from "./sql.ts";

type Constructor = new (path: string) => SqlDatabase;

/** Opens SQLite through `better-sqlite3`. */
export function openBetterSqlite(options: EngineOptions): Promise<Engine> {
  type Better = Statement & { pluck(): Better; raw(): Better };
  const Database = benchPackage("better-sqlite3") as Constructor;
  return openSql({
    open: (path) => new Database(path),
    plucks: true,
    prepare: (statement, columns) =>
      columns === 1 ? (statement as Better).pluck() : (statement as Better).raw(),
  }, options);
}

/** Opens SQLite through `node:sqlite`. */
export function openNodeSqlite(options: EngineOptions): Promise<Engine> {
  type Native = Statement & { setReturnArrays?(enabled: boolean): void };
  const { DatabaseSync } = builtin("node:sqlite") as { DatabaseSync: Constructor };
  return openSql({
    open: (path) => new DatabaseSync(path),
    plucks: false,
    prepare(statement) {
      (statement as Native).setReturnArrays?.(true);
      return statement;
    },
  }, options);
}

/** Opens SQLite through `bun:sqlite`. */
export function openBunSqlite(options: EngineOptions): Promise<Engine> {
  const { Database } = builtin("bun:sqlite") as { Database: Constructor };
  return openSql({
    open: (path) => new Database(path),
    plucks: false,
    prepare: (statement) => statement,
  }, options);
}

/** A module of the running runtime, which others could not even name. */
function builtin(name: string): unknown {
  const found: unknown = process.getBuiltinModule(name);
  if (found === undefined) throw new Error(`this runtime has no ${name}`);
  return found;
}
