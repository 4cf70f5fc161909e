import t from 'tap'
import { parseOptions } from '../options.ts'

t.test('the options and their defaults', async (t) => {
  t.same(parseOptions([]), {
    orders: undefined, exit: false, rate: 50, apiPort: 0, kills: { times: 0, signal: 'SIGKILL' }, lease: 'postgres', report: undefined
  })
  t.same(parseOptions(['--orders', '500', '--exit', '--report', 'r.json', '--rate', '7', '--api-port', '8080']), {
    orders: 500, exit: true, rate: 7, apiPort: 8080, kills: { times: 0, signal: 'SIGKILL' }, lease: 'postgres', report: 'r.json'
  })
  t.match(parseOptions(['--kill-leader', '3', '--signal', 'STOP', '--lease', 'kubernetes']), { kills: { times: 3, signal: 'SIGSTOP' }, lease: 'kubernetes' })
})

t.test('an unknown option or an invalid value is refused with its name', async (t) => {
  for (const args of [['--order', '5'], ['--orders', '0'], ['--orders', '1e3'], ['--orders', '5x', '--exit'], ['--rate', '0'], ['--api-port', '65536'], ['--exit'], ['500'], ['--kill-leader', '-1'], ['--signal', 'HUP'], ['--lease', 'etcd']]) {
    t.throws(() => parseOptions(args), new RegExp(args[0] ?? ''), args.join(' '))
  }
})
