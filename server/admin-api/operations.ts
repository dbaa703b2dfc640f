import type { Operation } from '../http/operation.ts'
import type { AdminCaps } from './admin-caps.ts'
import { changeAccount } from './operations/change-account.ts'
import { changeUser } from './operations/change-user.ts'
import { createAccount } from './operations/create-account.ts'
import { createSignInLink } from './operations/create-sign-in-link.ts'
import { createUser } from './operations/create-user.ts'
import { createVerifier } from './operations/create-verifier.ts'
import { getAccount } from './operations/get-account.ts'
import { getInstallation } from './operations/get-installation.ts'
import { getUser } from './operations/get-user.ts'
import { installApp } from './operations/install-app.ts'
import { listAccounts } from './operations/list-accounts.ts'
import { listInstallations } from './operations/list-installations.ts'
import { listMembers } from './operations/list-members.ts'
import { listUsers } from './operations/list-users.ts'
import { listVerifiers } from './operations/list-verifiers.ts'
import { removeMember } from './operations/remove-member.ts'
import { resumeInstallation } from './operations/resume-installation.ts'
import { revokeVerifier } from './operations/revoke-verifier.ts'
import { setMember } from './operations/set-member.ts'
import { suspendInstallation } from './operations/suspend-installation.ts'
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
  listVerifiers,
  createVerifier,
  revokeVerifier,
]
