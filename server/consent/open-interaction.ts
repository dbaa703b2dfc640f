import type { Request, Response } from 'express'
import { errors, type Provider } from 'oidc-provider'

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

/** The authorization request in the path, if this browser began it and it has not ended. */
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
