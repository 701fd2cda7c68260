package differ

// Shrink gives the shortest sequence that it finds to end in a difference: it
// drops what comes after, then ever smaller parts.
func (p *Pair) Shrink(d *Difference) (*Difference, error) {
	if d.At < len(d.Sequence) {
		d = &Difference{d.Sequence[:d.At+1], d.At, d.Raw, d.Mounted}
	}
	for part := max(len(d.Sequence)/2, 1); ; {
		dropped := false
		for from := 0; from < len(d.Sequence); {
			to := min(from+part, len(d.Sequence))
			less := append(append([]Step{}, d.Sequence[:from]...), d.Sequence[to:]...)
			found, err := p.Run(less)
			if err != nil {
				return d, err
			}
			if found == nil {
				from = to
				continue
			}
			if found.At < len(found.Sequence) {
				found.Sequence = found.Sequence[:found.At+1]
			}
			d, dropped = found, true
		}
		if part == 1 && !dropped {
			return d, nil
		}
		part = max(part/2, 1)
	}
}
