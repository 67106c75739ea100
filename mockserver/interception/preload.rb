# Loaded by `ruby -r`: leads this process's connections to the API's hosts to the mock, whatever
# library makes them. MAXAPI_MOCK is defined in front of this.
require 'socket'
require 'uri'

module MaxapiMockLead
  def self.plain(host)
    host.to_s.downcase.chomp('.')
  end

  def self.led?(host)
    MAXAPI_MOCK['hosts'].include?(plain(host))
  end

  def self.way(host, port)
    if led?(host)
      case port.to_s
      when '443', 'https' then return ['127.0.0.1', MAXAPI_MOCK['tls_port']]
      when '80', 'http' then return MAXAPI_MOCK['mock']
      end
      raise Errno::ECONNREFUSED, "maxapi-mock: #{host} is not at port #{port}; use 443"
    end
    name = plain(host)
    local = ['localhost', '::1', MAXAPI_MOCK['mock'][0]].include?(name) || name.start_with?('127.')
    if ['443', 'https'].include?(port.to_s) && !local && !MAXAPI_MOCK['allow_others']
      raise Errno::ECONNREFUSED, "maxapi-mock: #{host} is not the API; --allow-others lets it pass"
    end
    [host, port]
  end

  module Opened
    def initialize(host, port = nil, *more, **named)
      super(*MaxapiMockLead.way(host, port), *more, **named)
    end
  end

  module Connected
    def tcp(host, port, *more, **named, &block)
      super(*MaxapiMockLead.way(host, port), *more, **named, &block)
    end
  end

  module Direct
    def find_proxy(*more)
      MaxapiMockLead.led?(hostname) ? nil : super
    end
  end
end

TCPSocket.prepend(MaxapiMockLead::Opened)
Socket.singleton_class.prepend(MaxapiMockLead::Connected)
URI::Generic.prepend(MaxapiMockLead::Direct)
