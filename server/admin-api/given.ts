type Given<Body> = { [Name in keyof Body]?: Exclude<Body[Name], undefined> }

/** The members of a body that were sent. */
export function given<Body extends object>(body: Body): Given<Body> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as Given<Body>
}
