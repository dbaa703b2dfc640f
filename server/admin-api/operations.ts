import type { Operation } from '../http/operation.ts'
import type { AdminCaps } from './admin-caps.ts'
import { changeAccount } from './operations/change-account.ts'
import { changeUser } from './operations/change-user.ts'
import { createAccount } from './operations/create-account.ts'
import { createPlatform } from './operations/create-platform.ts'
import { createRegistrationToken } from './operations/create-registration-token.ts'
import { createSignInLink } from './operations/create-sign-in-link.ts'
import { createUser } from './operations/create-user.ts'
import { createVerifier } from './operations/create-verifier.ts'
import { expireKey } from './operations/expire-key.ts'
import { freezeKey } from './operations/freeze-key.ts'
import { getAccount } from './operations/get-account.ts'
import { getApp } from './operations/get-app.ts'
import { getInstallation } from './operations/get-installation.ts'
import { getKey } from './operations/get-key.ts'
import { getUser } from './operations/get-user.ts'
import { installApp } from './operations/install-app.ts'
import { listAccounts } from './operations/list-accounts.ts'
import { listApps } from './operations/list-apps.ts'
import { listDeliveries } from './operations/list-deliveries.ts'
import { listInstallations } from './operations/list-installations.ts'
import { listKeys } from './operations/list-keys.ts'
import { listMembers } from './operations/list-members.ts'
import { listPlatforms } from './operations/list-platforms.ts'
import { listRegistrationTokens } from './operations/list-registration-tokens.ts'
import { listUsers } from './operations/list-users.ts'
import { listVerifiers } from './operations/list-verifiers.ts'
import { publishApp } from './operations/publish-app.ts'
import { redeliver } from './operations/redeliver.ts'
import { removeMember } from './operations/remove-member.ts'
import { resumeApp } from './operations/resume-app.ts'
import { resumeInstallation } from './operations/resume-installation.ts'
import { retireApp } from './operations/retire-app.ts'
import { revokeRegistrationToken } from './operations/revoke-registration-token.ts'
import { revokeVerifier } from './operations/revoke-verifier.ts'
import { setMember } from './operations/set-member.ts'
import { suspendApp } from './operations/suspend-app.ts'
import { suspendInstallation } from './operations/suspend-installation.ts'
import { unfreezeKey } from './operations/unfreeze-key.ts'
import { uninstallInstallation } from './operations/uninstall-installation.ts'

/** Every operation of the admin API, in the order of the reference. */
export const ADMIN_OPERATIONS: readonly Operation<AdminCaps>[] = [
  createSignInLink,
  listAccounts,
  createAccount,
  getAccount,
  changeAccount,
  listMembers,
  setMember,
  removeMember,
  listUsers,
  createUser,
  getUser,
  changeUser,
  listInstallations,
  installApp,
  getInstallation,
  uninstallInstallation,
  suspendInstallation,
  resumeInstallation,
  listKeys,
  getKey,
  expireKey,
  freezeKey,
  unfreezeKey,
  listApps,
  getApp,
  publishApp,
  suspendApp,
  resumeApp,
  retireApp,
  listPlatforms,
  createPlatform,
  listRegistrationTokens,
  createRegistrationToken,
  revokeRegistrationToken,
  listDeliveries,
  redeliver,
  listVerifiers,
  createVerifier,
  revokeVerifier,
]
