/**
 * The page on attributes that are only stored: definable, displayed, dumped, and without any effect. It is kept as
 * stored-attributes.md; a test compares the two.
 */

import { objectTypes } from '../core/definition.js'
import type { ObjectType } from '../core/definition.js'
import { attributesOf, subtypesOf } from './object-types.js'

const heading = `# Attributes that are only stored

Every attribute below can be defined, altered, displayed and dumped as in the original; the queue manager does not act on it.
Attributes that are not named here are acted on, or shown but not settable. Made by \`stored-attributes.ts\` from the tables
in \`attributes/\`; a test keeps this page and the tables the same.

| Object | Only stored |
|---|---|
`

const namesOf = (type: ObjectType, subtype: string): string[] =>
  attributesOf(type, subtype)
    .filter(attribute => attribute.use === 'stored')
    .map(attribute => attribute.name)
    .sort()

export function storedAttributesPage(): string {
  const rows = objectTypes.flatMap(type => (subtypesOf(type).length === 0 ? [''] : subtypesOf(type)).map(subtype => ({ title: `${type} ${subtype}`.trim(), names: namesOf(type, subtype) })))
  return heading + rows.map(({ title, names }) => `| ${title} | ${names.length === 0 ? '–' : names.join(', ')} |\n`).join('')
}
