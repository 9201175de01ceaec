package main

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// openLog builds the logger: warnings and worse by default, less with -q, more
// with -v and -vv; above the progress on stderr, or in a file of its own.
func (a *app) openLog() error {
	level, err := a.logLevel()
	if err != nil {
		return err
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.ISO8601TimeEncoder
	config.EncodeDuration = zapcore.StringDurationEncoder
	format := a.globals.logFormat
	if format == "" {
		format = "text"
		if a.globals.json {
			format = "json"
		}
	}
	var encoder zapcore.Encoder
	switch format {
	case "json":
		encoder = zapcore.NewJSONEncoder(config)
	case "text":
		config.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		config.EncodeLevel = zapcore.LowercaseLevelEncoder
		config.ConsoleSeparator = " "
		encoder = zapcore.NewConsoleEncoder(config)
	default:
		return a.usage("usage.log_format", format)
	}
	var sink zapcore.WriteSyncer = a.display
	if name := a.globals.logFile; name != "" {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		a.flush = func() { file.Close() }
		sink = file
	}
	a.log = zap.New(zapcore.NewCore(encoder, zapcore.Lock(sink), level))
	return nil
}

func (a *app) logLevel() (zapcore.Level, error) {
	if name := a.globals.logLevel; name != "" {
		level, err := zapcore.ParseLevel(name)
		if err != nil || level > zapcore.ErrorLevel {
			return 0, a.usage("usage.log_level", name)
		}
		return level, nil
	}
	switch {
	case a.globals.quiet:
		return zapcore.ErrorLevel, nil
	case a.globals.verbose >= 2:
		return zapcore.DebugLevel, nil
	case a.globals.verbose == 1:
		return zapcore.InfoLevel, nil
	}
	return zapcore.WarnLevel, nil
}
