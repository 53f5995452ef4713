package peer

import (
	"fmt"

	"github.com/pion/logging"
	"go.uber.org/zap"
)

// loggers gives pion's warnings and errors to our log, at debug level: pion warns of what is normal (a STUN server
// that is not there, a packet after the close). What it says below that goes nowhere.
type loggers struct{ log *zap.Logger }

// NewLogger is called by pion once for each of its parts.
func (f loggers) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{f.log.With(zap.String("pion", scope))}
}

type pionLogger struct{ log *zap.Logger }

func (pionLogger) Trace(string)          {}
func (pionLogger) Tracef(string, ...any) {}
func (pionLogger) Debug(string)          {}
func (pionLogger) Debugf(string, ...any) {}
func (pionLogger) Info(string)           {}
func (pionLogger) Infof(string, ...any)  {}

func (p pionLogger) Warn(msg string)               { p.log.Debug(msg) }
func (p pionLogger) Warnf(format string, a ...any) { p.printf(format, a) }

func (p pionLogger) Error(msg string)               { p.log.Debug(msg) }
func (p pionLogger) Errorf(format string, a ...any) { p.printf(format, a) }

func (p pionLogger) printf(format string, a []any) {
	if p.log.Core().Enabled(zap.DebugLevel) {
		p.log.Debug(fmt.Sprintf(format, a...))
	}
}
