/** The samples of a `/metrics` page. */
export class Metrics {
  /** The names, also of those without a sample yet. */
  readonly declared: string[]
  readonly #samples: Array<{ name: string, labels: string, value: number }>

  constructor (page: string) {
    this.declared = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
    this.#samples = [...page.matchAll(/^([a-z_]+)(\{[^}]*\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({ name, labels, value: value?.toLowerCase() === 'nan' ? NaN : Number(value) }))
  }

  /** Over all labels, or those that hold this text. */
  sum (name: string, label = ''): number {
    const samples = this.#samples.filter((sample) => sample.name === name && sample.labels.includes(label))
    return samples.reduce((sum, { value }) => sum + value, 0)
  }
}
