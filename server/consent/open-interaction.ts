import type { Request, Response } from 'express'
import { errors, type Provider } from 'oidc-provider'

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

/** The authorization request of the path that this browser began, unless it is over. */
export async function openInteraction(
  provider: Provider,
  req: Request,
  res: Response,
): Promise<Interaction | undefined> {
  try {
    const interaction = await provider.interactionDetails(req, res)
    return interaction.uid === req.params['uid'] ? interaction : undefined
  } catch (error) {
    if (error instanceof errors.SessionNotFound) return undefined
    throw error
  }
}
