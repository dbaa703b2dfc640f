import type { App } from '../../apps-registry/find-app.ts'
import { type Letter, momentText } from '../mail/letter.ts'
import type { Installation } from './installation.ts'

/** The app could not be installed: its platform acknowledged no delivery. */
export function deliveryFailedLetter(
  app: App,
  installation: Installation,
  accountName: string,
  at: number,
): Omit<Letter, 'audience'> {
  const name = app.manifest.client_name
  return {
    kind: 'delivery-failed',
    subject: `${name} could not be installed in ${accountName}`,
    preview: 'Its platform did not accept the keys.',
    heading: `${name} could not be installed`,
    lede: `The platform of ${name} did not accept the keys for ${accountName}, ${installation.mode} mode. Keys that never arrived have expired: nobody can use them.`,
    facts: [
      { name: 'Given up', lines: [momentText(at)] },
      { name: 'Sent to', lines: [hostOf(app.client.key_delivery_uri)] },
    ],
    link: { text: 'See what happened', path: `/apps/${installation.id}` },
    after: 'On that page you can try again, with new keys, or uninstall the app.',
  }
}

function hostOf(address: string | undefined): string {
  return address && URL.canParse(address) ? new URL(address).host : 'no address'
}
