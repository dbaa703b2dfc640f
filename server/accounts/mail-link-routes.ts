import { Router } from 'express'
import {
  askForNewPassword,
  askForReset,
  askToConfirm,
  confirmByForm,
  type MailLinkCaps,
  resetByForm,
  setNewPassword,
} from './mail-link-handlers.ts'

/** *Forgot password?*, and what the links in mails lead to. */
export function mailLinkRoutes(caps: MailLinkCaps): Router {
  const router = Router()
  router.get('/forgot', (req, res) => askForReset(caps, req, res))
  router.post('/forgot', (req, res) => resetByForm(caps, req, res))
  router.get('/reset/:link', (req, res) => askForNewPassword(caps, req, res))
  router.post('/reset/:link', (req, res) => setNewPassword(caps, req, res))
  router.get('/confirm/:link', (req, res) => askToConfirm(caps, req, res))
  router.post('/confirm/:link', (req, res) => confirmByForm(caps, req, res))
  return router
}
