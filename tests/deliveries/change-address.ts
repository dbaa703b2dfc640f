import type { PublishedApp, World } from '../support/world.ts'

/** Changes the address that a name resolves to after its registration. */
export async function changeAddress(
  { deps: { database } }: World,
  { id }: PublishedApp,
  address: string,
): Promise<void> {
  const { client } = await database.knex('apps').where({ id }).first('client')
  const changed = JSON.stringify({ ...JSON.parse(client), key_delivery_uri: address })
  await database.knex('apps').where({ id }).update({ client: changed })
}
