import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

/** Changes keys by raw SQL while no server runs, and leaves the database as if they had always been so. */
export async function runStatements(database: string, statements: readonly string[]): Promise<void> {
  if (database.startsWith('postgres:')) {
    const db = new pg.Client({ connectionString: database })
    await db.connect()
    for (const statement of [...statements, 'vacuum analyze keys']) await db.query(statement)
    return await db.end()
  }
  const db = new DatabaseSync(database)
  for (const statement of [...statements, 'pragma wal_checkpoint(truncate)']) db.exec(statement)
  db.close()
}
